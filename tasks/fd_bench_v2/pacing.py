"""How the examiner takes its turns.

The benchmark's slow examiner answers when a turn is over, never barges in, and stops when it is talked to.
Its fast one waits 0.6 s, may give backchannels and move the conversation on, and does not let itself be
stopped. How long the slow one waits is not published; here 1 s, so that no pause in a turn is taken for its
end. When the fast one gives backchannels and moves on is not published either.
"""

from tml_bench.scenario import Manners

SLOW = Manners(endpoint_s=1.0, yield_s=0.5)
FAST = Manners(endpoint_s=0.6, backchannel_s=4.0, barge_in_s=12.0)
