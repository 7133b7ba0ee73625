"""The decay families: a new one is a class in a file of its own, and its line here."""

from sufficiency.curves.families.base import Family
from sufficiency.curves.families.power_law import PowerLaw
from sufficiency.curves.families.theory import Theory
from sufficiency.curves.families.transient import Transient

__all__ = ["FAMILIES", "Family"]

# Simplest first: of families that forecast equally well the selection takes the first.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Theory(),
        PowerLaw(),
        Transient(),
    )
}
