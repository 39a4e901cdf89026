"""Many-facet Rasch: how severe a rater is once the candidates and steps he met are allowed for."""

from siming.metrics.rasch.connectivity import Connectivity, connectivity
from siming.metrics.rasch.facets import Facet, FacetMeasure
from siming.metrics.rasch.many_facet import RaschFit, many_facet_rasch, severity_contrast

__all__ = [
    "Connectivity",
    "Facet",
    "FacetMeasure",
    "RaschFit",
    "connectivity",
    "many_facet_rasch",
    "severity_contrast",
]
