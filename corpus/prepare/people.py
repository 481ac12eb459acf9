"""What is known of a speaker, in the words that every recipe uses."""


def split_of(number: int) -> str:
    """Returns the benchmark split of a numbered speaker: one fifth tests, one validates, the rest trains."""
    return {0: "test", 1: "validation"}.get(number % 5, "train")


def age_band(years: int) -> str:
    """Returns the ten years that an age lies in, such as 30-39."""
    first = years // 10 * 10
    return f"{first}-{first + 9}"
