"""Where does a scan's time go, and how close does it come to its ceilings?"""
