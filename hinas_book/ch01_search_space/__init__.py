"""Chapter 1: which operations compete, and does a large alpha mean an important operation?"""
