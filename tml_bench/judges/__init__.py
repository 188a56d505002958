"""Judges say whether a text means what was expected; when it was said is never their business."""
