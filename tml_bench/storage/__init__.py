"""Results on shared storage: object stores, and whatever else fsspec reaches.

Everything works in a mirror, a folder on this machine, exactly as it does without shared storage. What is
recorded there is uploaded beside the sessions, in an order in which a kill at any instant leaves a consistent
run; what is there and not here is fetched when it is needed. The library is the extra ``[remote]``, imported
late.
"""
