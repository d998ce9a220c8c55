"""What a study needs: jobs, campaigns, statistics, random nets, shared-weight scores."""
