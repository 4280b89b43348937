import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run beside each other; threads that wait for a busy core cost more than they bring
