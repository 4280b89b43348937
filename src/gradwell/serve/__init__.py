"""The page: runs watched live, looked into and compared; translators, classifiers and the lab to try. Served here, or one file.

starlette app (app.py) --> reading.py: a record's series, thinned | judging.py: findings, remembered | layers.py, through_time.py
--> translators.py, classifiers.py, experiments.py: what is typed into the page is answered by these
static/: the page itself, plain JavaScript; export.py puts page and data into one file
"""
