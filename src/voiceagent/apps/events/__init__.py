"""Events from the outbox to who must hear of them."""
