"""The routes of the engine's server: one file a resource. What they do stands in the engine itself."""
