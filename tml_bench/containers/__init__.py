"""Opening sound and video files, and what their containers say that can be believed."""
