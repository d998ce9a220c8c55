"""What chapters share: claims, verdicts, recorded studies, stored nets."""
