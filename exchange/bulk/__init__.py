"""Work by the hundred thousand: resumable jobs with progress, exports, imports from elsewhere."""
