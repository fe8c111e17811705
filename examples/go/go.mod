module redtail.example/tail

go 1.19
