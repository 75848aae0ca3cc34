"""The same web shop in four processes: prices, thumbnails and reports are made in processes of their own.

Takes what main.py takes, and gives the same answers.
"""

import main
import split

if __name__ == "__main__":
    main.main(__doc__, around=split.processes)
