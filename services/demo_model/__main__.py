"""``python -m services.demo_model``."""

from services.demo_model.main import main

if __name__ == "__main__":
    main()
