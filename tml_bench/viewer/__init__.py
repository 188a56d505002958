"""The viewer: every sample of a run seen and heard; the documents behind its page, its server and its export.

Knows recordings, timelines, scores and summaries, and what a task says is expected; computes no score.
"""
