"""Images, volumes and graphs of a user's own files."""
