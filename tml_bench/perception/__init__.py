"""From a recording to a timeline: speech segments and words with times."""
