"""Users that answer: an ear for what was heard, a policy for what to say, a voice, and manners."""
