"""What disk images hold: the disk that a format of its own stores, partitions, file systems.

Read through the dissect libraries, which are an extra of the installation: only the modules in here
import them, and only when such an image is opened.
"""
