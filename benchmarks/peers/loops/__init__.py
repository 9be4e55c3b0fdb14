"""What people score a folder of images with today, a script each: FOLDER OUTPUT [MODEL SIDE].

Each is written as its library's own documentation shows it, catches nothing, and writes a CSV with
a `path` relative to FOLDER and a score for every file. What the model sees is the centre square of
an image, scaled to SIDE pixels, as the scan's `preprocess` makes it.
"""
