from conftest import Room, done, order, said  # type: ignore[import-not-found]
