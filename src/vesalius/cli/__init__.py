"""One file per verb; each verb calls one public function."""
