"""Reading and resampling audio."""
