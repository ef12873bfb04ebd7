"""voiceagent: people talk, in real time, with an AI agent that knows their documents."""

import os

# NumPy's OpenBLAS ends its worker threads before every fork(), also while another thread waits for their result: that thread then
# waits for ever. The event loop forks for each model server, and speech is worked on meanwhile. One thread a product has no workers,
# and leaves the other core to the model. Must be said before the first import of NumPy, and whatever the environment says.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

__version__ = "0.1.0"
