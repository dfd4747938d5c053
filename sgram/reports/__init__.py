"""Reports for people: findings in sentences, figures, HTML pages and table files."""
