"""Answers that rest on documents: reads the question, finds the sentence that answers it, says where it stands, or says that none does."""
