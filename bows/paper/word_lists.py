"""The words of the paper's claims."""

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


# Words of a time of the year, and the place of that time among the months, January at 0 (northern hemisphere, as in most of the text).
SEASONAL = {
    "winter": 0, "snow": 0, "spring": 3, "Easter": 3, "summer": 6, "autumn": 9, "Halloween": 9, "Thanksgiving": 10, "Christmas": 11,
}  # fmt: skip


LEAST_SEASONAL = 4
