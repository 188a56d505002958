"""Pure functions on numbers; knows no files, models or clocks."""
