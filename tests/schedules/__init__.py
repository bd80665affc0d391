"""What a schedule means, checked against worked examples, a slow oracle, robfig/cron, cronsim and Prefect."""
