-- The databases of compose.yaml, made when its PostgreSQL starts for the first time.
create database nbbang_main;
create database nbbang_party_a;
create database nbbang_party_b;
