"""What people score a folder of images with today, a script each: FOLDER OUTPUT [MODEL].

Each is written as its library's own documentation shows it, catches nothing, and writes a CSV with
a `path` relative to FOLDER and a score for every file.
"""
