"""What is measured, as data, and what measures, computes and shows it. From top to bottom, each imports only below:

=========================================  ==========================================================================
`cli`                                      the command line, what ``python -m scenarios`` runs
`report`, `analysis`, `publish`            the page of a run, the notebooks' functions, the committed run
`selftest`                                 the harness measured by itself
`ab`                                       two checkouts of the library, in turns
`replay`, `cuts`                           the recorded calls of somebody's own program, over each IPC; where to cut it
`pages`                                    a page of tables, sentences and pictures that needs no other file
`running`, `advice`, `plots`, `tables`     carrying out a scenario, the decision model, the pictures, the columns
`statistics`                               what a figure is
`measuring`, `records`                     what runs in a measured process, and a run on disk
`plan`                                     scenario files, cells, loads, payloads; the files are in ``definitions``
`common`                                   mistakes, and numbers as people write them
=========================================  ==========================================================================
"""
