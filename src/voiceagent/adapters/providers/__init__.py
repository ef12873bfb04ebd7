"""Several providers of speech or embeddings as one: who is asked, in which order, and who helps out. Knows ports alone, no technology."""
