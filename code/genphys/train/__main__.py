"""``python -m genphys.train``."""

from genphys.train.program import main

if __name__ == "__main__":
    main()
