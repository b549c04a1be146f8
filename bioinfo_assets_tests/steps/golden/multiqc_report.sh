config='{
 "no_version_check": true,
 "no_ai": true,
 "megaqc_upload": false,
 "plots_force_interactive": true,
 "use_filename_as_sample_name": true,
 "fn_clean_exts": [
  {
   "type": "truncate",
   "pattern": "+"
  }
 ],
 "fn_clean_trim": []
}'

printf '%s\n' "$config" > multiqc_config.yaml
multiqc --config multiqc_config.yaml --filename multiqc_report.html --outdir report .
[[ -s report/multiqc_report_data/multiqc_general_stats.txt ]] ||
    fail 'the samples have no metrics to report: materialize their metrics first'
mv report/multiqc_report.html report/multiqc_report_data/multiqc_data.json \
    report/multiqc_report_data/multiqc_general_stats.txt .
