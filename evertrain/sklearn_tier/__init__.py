"""The second tier: a fitted scikit-learn estimator as it is, kept by skops. Where there may be no scikit-learn, only
`reading` is imported."""
