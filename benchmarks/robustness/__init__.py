"""Do the verdicts survive what happens to images, and what of images outside the domain?"""
