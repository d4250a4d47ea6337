"""The benchmarks: one file a subject, each with `measure(quick) -> list[Figure]`; `python bench` runs them."""
