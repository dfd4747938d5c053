"""HTML pages (report, tagged traces, annotation) and table files (CSV, Markdown)."""
