"""What a study needs: jobs, campaigns, statistics, neighbours, random nets, shared-weight scores."""
