"""How fast and how good is each exported backbone, wherever it runs?"""
