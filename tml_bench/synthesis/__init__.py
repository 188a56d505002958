"""Makes speech: engines, voices, and the times of words in rendered clips (extra ``voices``)."""
