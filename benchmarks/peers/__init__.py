"""Is imgscan faster than what people score folders with, and does it say the same?"""
