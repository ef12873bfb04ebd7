"""The outbox: events as rows of the transaction that makes them true."""
