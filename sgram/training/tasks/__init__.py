"""What policies are trained on: problems and judges of responses. Knows nothing about models or training."""
