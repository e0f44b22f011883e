"""How language models write on: the cache, the loop, sampling and stopping."""
