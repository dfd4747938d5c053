"""What people say of grams, and how far it holds: ratings, agreement, evaluation. Knows nothing about training."""
